import { signal } from '@preact/signals';
import type { PictureChoice } from '../trainer/protocol.js';

/** The picture that is looked at: a held-out one, or one that was brought to look at. */
export const looked = signal<PictureChoice>({ heldOut: 0 });
