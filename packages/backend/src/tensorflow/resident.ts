import type { TensorFlowEngine, TensorRecord } from './binding.js';

/** Variables of a loaded graph. */
export interface VariableStore {
  /** Grows with each step: what was handed out before a step is gone after it. */
  readonly version: number;
  /** A tensor of the binding with the content of a variable. */
  read(variable: number): number;
}

/**
 * tfjs-node's record of a tensor that lives in a variable of a captured step. It becomes an ordinary tensor
 * when somebody asks for its number; a training loop that hands its parameters back to the next step never
 * does, and they stay where they are.
 */
export class ResidentRecord implements TensorRecord {
  readonly values = null;
  readonly shape: number[];
  readonly dtype: number;
  refCount = 1;
  readonly store: VariableStore;
  readonly variable: number;
  private readonly version: number;
  private materialised: number | undefined;

  constructor(store: VariableStore, variable: number, shape: readonly number[], dtype: number) {
    this.store = store;
    this.variable = variable;
    this.version = store.version;
    this.shape = [...shape];
    this.dtype = dtype;
  }

  /** Is the variable's content still this tensor's? */
  get isCurrent(): boolean {
    return this.version === this.store.version;
  }

  get id(): number {
    if (this.materialised === undefined) {
      if (!this.isCurrent)
        throw new Error('this tensor was updated in place by a captured step: use the one that it returned');
      this.materialised = this.store.read(this.variable);
    }
    return this.materialised;
  }

  /** Give the number back, if there is one, to be deleted. */
  release(): number | undefined {
    const id = this.materialised;
    this.materialised = undefined;
    return id;
  }
}

/** Teach an engine to let go of resident tensors without making them ordinary first. Call once. */
export function acceptResidents(engine: TensorFlowEngine): void {
  const disposeData = engine.disposeData.bind(engine);
  engine.disposeData = (dataId, force = false) => {
    const record = engine.tensorMap.has(dataId) ? engine.tensorMap.get(dataId) : undefined;
    if (!(record instanceof ResidentRecord)) return disposeData(dataId, force);
    record.refCount--;
    if (!force && record.refCount > 0) return false;
    const id = record.release();
    if (id !== undefined) engine.binding.deleteTensor(id);
    engine.tensorMap.delete(dataId);
    return true;
  };
}

/** The resident record behind a tensor, if it is one. */
export function residentRecord(engine: TensorFlowEngine, dataId: object): ResidentRecord | undefined {
  const record = engine.tensorMap.get(dataId);
  return record instanceof ResidentRecord ? record : undefined;
}
