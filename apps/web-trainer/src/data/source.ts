/** Where a run's pictures come from. Serialisable: it is kept with the run. */
export type DataSource = BuiltInDigits | OwnPictures;

/** MNIST as this site serves it: the first `count` digits of the training set. */
interface BuiltInDigits {
  readonly kind: 'mnist';
  readonly count: number;
}

/** A person's own pictures, kept in this browser under `id`. */
export interface OwnPictures {
  readonly kind: 'own';
  readonly id: string;
  readonly name: string;
}

/** What a person is told a source is called. */
export function sourceName(source: DataSource): string {
  return source.kind === 'mnist' ? `MNIST, ${source.count.toLocaleString('en')} digits` : source.name;
}
