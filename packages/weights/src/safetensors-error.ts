import { WeightsError } from './weights-error.js';

/** What is wrong with a safetensors file, and where. */
export class SafetensorsError extends WeightsError {
  override readonly name = 'SafetensorsError';
}
