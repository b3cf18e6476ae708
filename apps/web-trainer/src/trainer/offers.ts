import type { BackendName } from '@maehem/backend';
import type { EngineOffer } from './protocol.js';

/** The engine that a run would be opened on. */
export function engineToCome(
  chosen: BackendName | 'auto',
  offers: readonly EngineOffer[],
): EngineOffer | undefined {
  return chosen === 'auto'
    ? offers.find(({ refusal, passedOver }) => refusal === undefined && passedOver === undefined)
    : offers.find(({ name }) => name === chosen);
}
