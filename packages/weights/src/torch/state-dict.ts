import type { PickleValue } from '../pickle/pickle-machine.js';
import { WeightsError } from '../weights-error.js';
import { isTensor } from './torch-file.js';
import { isObject, type TorchRecord, type TorchTensor } from './torch-objects.js';

/** The tensors of a checkpoint, and what small values stood beside them. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Numbers, texts and truths: `epoch`, `args.model`, … */
  readonly notes: ReadonlyMap<string, string | number | boolean>;
}

/** Where training scripts put the weights, the most likely first. The reference's checkpoints have `model`. */
const PLACES = ['model', 'state_dict', 'model_state_dict', 'module', 'net', 'teacher', 'student'];
/** What wrappers put before every name: DistributedDataParallel, torch.compile. */
const WRAPPERS = ['module.', '_orig_mod.'];
/** Longest text among the notes. */
const MAX_NOTE = 1000;

/**
 * Find the weights in what was saved: a state dict itself, or a dict that has one among other things.
 * @throws WeightsError when there is none; the message lists what is there.
 */
export function findStateDict(value: PickleValue, file: string): StateDict {
  if (!(value instanceof Map))
    throw new WeightsError('it holds no dict of tensors: save a state_dict', {
      file,
      value: isTensor(value) ? 'a tensor' : typeof value,
    });
  const place = PLACES.find((name) => hasTensors(value.get(name)));
  const dict = place === undefined ? value : value.get(place)!;
  if (!hasTensors(dict))
    throw new WeightsError(`it holds no dict of tensors, neither itself nor under ${PLACES.join(', ')}`, {
      file,
      value: [...value.keys()].slice(0, 20).map(String),
    });
  const tensors = new Map<string, TorchTensor>();
  for (const [key, entry] of dict) if (typeof key === 'string' && isTensor(entry)) tensors.set(key, entry);
  return { tensors: unwrapped(tensors), notes: place === undefined ? new Map() : readNotes(value) };
}

function hasTensors(value: PickleValue | undefined): value is Map<PickleValue, PickleValue> {
  if (!(value instanceof Map)) return false;
  for (const entry of value.values()) if (isTensor(entry)) return true;
  return false;
}

/** Names without what a wrapper put before all of them. */
function unwrapped(tensors: ReadonlyMap<string, TorchTensor>): ReadonlyMap<string, TorchTensor> {
  const prefix = WRAPPERS.find((wrapper) => [...tensors.keys()].every((name) => name.startsWith(wrapper)));
  if (prefix === undefined) return tensors;
  return unwrapped(new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor])));
}

function readNotes(value: ReadonlyMap<PickleValue, PickleValue>): StateDict['notes'] {
  const notes = new Map<string, string | number | boolean>();
  const note = (name: string, each: PickleValue): void => {
    if (typeof each === 'number' || typeof each === 'boolean') notes.set(name, each);
    else if (typeof each === 'string') notes.set(name, each.slice(0, MAX_NOTE));
  };
  for (const [key, entry] of value) {
    if (typeof key !== 'string') continue;
    const fields = isObject(entry, 'record') ? (entry as TorchRecord).fields : undefined;
    if (fields instanceof Map) for (const [field, each] of fields) note(`${key}.${String(field)}`, each);
    else note(key, entry);
  }
  return notes;
}
