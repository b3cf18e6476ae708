/** The TensorFlow that this was measured with, and that pip is asked for. */
export const TENSORFLOW_RELEASE = '2.21';

/** Is a version of that release, or a later one? */
export function isCurrent(version: string): boolean {
  return version.localeCompare(TENSORFLOW_RELEASE, 'en', { numeric: true }) >= 0;
}
