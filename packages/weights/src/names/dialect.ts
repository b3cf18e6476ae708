import type { Named } from '../host-tensor.js';
import type { TensorSource } from '../tensor-source.js';
import { WeightsError } from '../weights-error.js';
import { fromHuggingFace } from './hugging-face.js';

/**
 * Whose names a checkpoint has. `reference` are those of the MAE reference, of timm's vision transformers, and of the
 * param trees here; `huggingface` are those of transformers' ViT and ViTMAE models.
 */
export type Dialect = 'reference' | 'huggingface';

/** Tensors under the reference's names, and whose names they had. */
export interface Translated {
  readonly dialect: Dialect;
  readonly tensors: Named<TensorSource>;
}

/**
 * Give tensors the reference's names, whatever names they have.
 * @throws WeightsError when they are of no vision transformer that is known.
 */
export function toReferenceNames(tensors: Named<TensorSource>, file: string): Translated {
  const names = Object.keys(tensors);
  if (names.includes('patch_embed.proj.weight')) return { dialect: 'reference', tensors };
  if (names.some((name) => name.endsWith('embeddings.patch_embeddings.projection.weight')))
    return { dialect: 'huggingface', tensors: fromHuggingFace(tensors, file) };
  if (names.some((name) => /(^|\.)decoder_pred\.weight$/.test(name)))
    throw new WeightsError('it holds the decoder of a masked autoencoder without its encoder', {
      file,
      value: names.slice(0, 3),
    });
  throw new WeightsError(
    'its names are of no vision transformer known here: neither patch_embed.proj.weight (the MAE reference, timm) nor embeddings.patch_embeddings.projection.weight (Hugging Face)',
    { file, value: names.slice(0, 3) },
  );
}
