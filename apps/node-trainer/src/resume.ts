import { SettingsError } from '@maehem/settings';

/** How a run begins, or goes on. */
export interface ResumeOptions {
  /** Go on from the newest checkpoint. */
  readonly resume: boolean;
  /** Go on though the images are not those of the checkpoint. */
  readonly allowChangedData?: boolean;
}

/**
 * A resumed run draws images by their place in the data set: with others there it would be another run, and say nothing.
 * @param then the images of the checkpoint, by `Dataset.fingerprint`; absent in one made before it was recorded
 * @throws SettingsError when they have changed and nobody said that they may.
 */
export function assertSameImages(
  then: string | undefined,
  now: string | undefined,
  { data, out }: { readonly data: string; readonly out: string },
  { allowChangedData = false }: ResumeOptions,
): void {
  if (then === undefined || now === undefined || then === now || allowChangedData) return;
  throw new SettingsError(
    `${data} has not the images any more that the run in ${out} trained on (${then} then, ${now} now): bring those back, or go on with these by --allow-changed-data, to other weights than a run that was never stopped`,
  );
}
