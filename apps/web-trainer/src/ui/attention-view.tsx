import type { RgbaImage } from '@maehem/viz';
import { type Signal, useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import type { AttentionLook } from '../trainer/protocol.js';
import { Picture } from './picture.js';

interface Props {
  readonly look: AttentionLook;
  readonly block: Signal<number>;
  readonly blocks: number;
  readonly again: () => Promise<void>;
  readonly grid: readonly [number, number];
}

/** Where each head looks: from the class token, or from a patch that is chosen. */
export function AttentionView({ look, block, blocks, again, grid }: Props): VNode {
  // Token 0 is the class token.
  const from = useSignal(0);
  const [rows, columns] = grid;
  return (
    <figure class="look-figure">
      <div class="attention-controls">
        <label for="attention-block">Block</label>
        <select
          id="attention-block"
          value={block.value}
          onChange={(event) => {
            block.value = Number(event.currentTarget.value);
            void again();
          }}
        >
          {Array.from({ length: blocks }, (_, at) => (
            <option key={at} value={at}>
              {at + 1} of {blocks}
            </option>
          ))}
        </select>
        <label for="attention-from">from</label>
        <select
          id="attention-from"
          value={from.value}
          onChange={(event) => {
            from.value = Number(event.currentTarget.value);
          }}
        >
          <option value={0}>the class token</option>
          {Array.from({ length: look.tokens }, (_, token) => (
            <option key={token} value={token + 1}>
              row {Math.floor(token / columns) + 1}, column {(token % columns) + 1}
            </option>
          ))}
        </select>
      </div>
      <div class="strip">
        <div class="self">
          <Picture image={look.original} label="The picture" />
          <small>the picture</small>
        </div>
        {Array.from({ length: look.heads }, (_, head) => (
          <div key={head} class="over">
            <Picture image={look.original} label="" class="under" />
            <Picture
              image={heat(look, head, from.value, rows, columns)}
              label={`Where head ${head + 1} looks`}
              class="heat"
            />
            <small>head {head + 1}</small>
          </div>
        ))}
      </div>
      <figcaption>Attention probabilities of one block, brightest where a head looks most.</figcaption>
    </figure>
  );
}

/** One row of the attention matrix over the patches, scaled to its largest entry: vermilion, more or less opaque. */
function heat(
  { maps, tokens }: AttentionLook,
  head: number,
  from: number,
  rows: number,
  columns: number,
): RgbaImage {
  const size = tokens + 1;
  const start = (head * size + from) * size + 1;
  const row = maps.subarray(start, start + tokens);
  const largest = Math.max(...row, 1e-9);
  const data = new Uint8ClampedArray(tokens * 4);
  for (const [token, value] of row.entries()) data.set([255, 90, 44, 235 * (value / largest)], token * 4);
  return { width: columns, height: rows, data };
}
