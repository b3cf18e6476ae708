import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Guess, Hiding } from '../trainer/protocol.js';
import { looked } from './looked.js';
import { Picture } from './picture.js';
import { message, pictures, run, trainer } from './session.js';

const ratio = signal(0.75);
const draw = signal(0);
const guess = signal<Guess | undefined>(undefined);
/** The side of a picture that is brought to look at; the model's own size decides in the end. */
const LARGEST = 512;

/** Hide patches of a picture, by a slider or by hand, and see what the model makes of the rest. */
export function MaskPlay(): VNode {
  const live = pictures.value?.step;
  useEffect(() => void ask(), [live, looked.value, run.value?.id]);
  const hidden = guess.value?.hidden;
  const share = hidden === undefined ? 0 : hidden.reduce((sum, flag) => sum + flag, 0) / hidden.length;
  return (
    <section class="mask-play" aria-labelledby="play-title">
      <h3 id="play-title">Destroy it yourself</h3>
      <p class="hint">
        Click or drag over patches to hide or show them; with the keyboard, walk with the arrows and press
        space.
      </p>
      <div class="play-pictures">
        <Destroyable />
        <figure>
          {guess.value && <Picture image={guess.value.guess} label="What the model guesses" />}
          <figcaption>It guesses</figcaption>
        </figure>
        <figure>
          {guess.value && <Picture image={guess.value.original} label="The picture as it is" />}
          <figcaption>The truth</figcaption>
        </figure>
      </div>
      <div class="field">
        <label for="play-ratio">Mask ratio</label>
        <span class="control">
          <input
            id="play-ratio"
            type="range"
            min={0.05}
            max={0.95}
            step={0.05}
            value={ratio.value}
            onInput={(event) => {
              ratio.value = Number(event.currentTarget.value);
              byHand = undefined;
              void ask();
            }}
          />
          <small id="play-share" class="figure">
            {Math.round(100 * share)} %
          </small>
        </span>
      </div>
      <div class="buttons">
        <button
          type="button"
          onClick={() => {
            draw.value++;
            byHand = undefined;
            void ask();
          }}
        >
          Another mask
        </button>
        <button
          type="button"
          onClick={() => {
            const at = 'heldOut' in looked.value ? looked.value.heldOut : 0;
            looked.value = { heldOut: at + 1 };
          }}
        >
          Another picture
        </button>
        <span class="pick">
          <input
            id="own-picture"
            type="file"
            accept="image/*"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file !== undefined) void lookAt(file);
              event.currentTarget.value = '';
            }}
          />
          <label for="own-picture">A picture of yours</label>
        </span>
      </div>
    </section>
  );
}

/** What a person hid; until then a draw at the ratio. */
let byHand: Uint8Array | undefined;
let asked = 0;

async function ask(): Promise<void> {
  if (run.value === undefined) return;
  const mine = ++asked;
  const hiding: Hiding = byHand === undefined ? { ratio: ratio.value, draw: draw.value } : { hidden: byHand };
  try {
    const answer = await trainer().guess(looked.value, hiding);
    // Only the newest question is still of interest.
    if (mine === asked) guess.value = answer;
  } catch (error) {
    if (mine === asked) message.value = { kind: 'alarm', text: (error as Error).message };
  }
}

async function lookAt(file: Blob): Promise<void> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => undefined);
  if (bitmap === undefined) {
    message.value = { kind: 'alarm', text: 'This browser cannot read that picture, or it is broken.' };
    return;
  }
  const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  const context = new OffscreenCanvas(width, height).getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = Uint8Array.from(
    { length: width * height * 3 },
    (_, at) => data[Math.floor(at / 3) * 4 + (at % 3)]!,
  );
  looked.value = { image: { height, width, pixels } };
}

/** The picture with a grid of patches over it that can be hidden and shown. */
function Destroyable(): VNode {
  const painting = useRef<boolean | undefined>(undefined);
  const shown = guess.value;
  const [rows, columns] = run.value?.grid ?? [1, 1];
  const set = (token: number, hide: boolean): void => {
    const next = Uint8Array.from(byHand ?? shown!.hidden);
    next[token] = hide ? 1 : 0;
    if (next.every((flag) => flag === 1)) return;
    byHand = next;
    guess.value = { ...guess.value!, hidden: next };
    void ask();
  };
  return (
    <figure>
      <div class="destroyable">
        {shown && <Picture image={shown.masked} label="What the model sees" class="masked" />}
        <fieldset
          class="patches"
          aria-label="Patches"
          style={{ '--columns': columns }}
          onPointerUp={() => {
            painting.current = undefined;
          }}
          onPointerLeave={() => {
            painting.current = undefined;
          }}
          onKeyDown={(event) => walk(event, columns, rows * columns)}
        >
          {Array.from({ length: rows * columns }, (_, token) => {
            const isHidden = shown?.hidden[token] === 1;
            return (
              <button
                key={token}
                type="button"
                aria-pressed={isHidden}
                aria-label={`Hide row ${Math.floor(token / columns) + 1}, column ${(token % columns) + 1}`}
                tabIndex={token === 0 ? 0 : -1}
                data-token={token}
                onPointerDown={(event) => {
                  event.currentTarget.releasePointerCapture(event.pointerId);
                  painting.current = !isHidden;
                  set(token, !isHidden);
                }}
                onPointerEnter={() => {
                  if (painting.current !== undefined) set(token, painting.current);
                }}
                onKeyDown={(event) => {
                  if (event.key !== ' ' && event.key !== 'Enter') return;
                  event.preventDefault();
                  set(token, !isHidden);
                }}
              />
            );
          })}
        </fieldset>
      </div>
      <figcaption>It sees</figcaption>
    </figure>
  );
}

/** Arrow keys move between patches. */
function walk(event: KeyboardEvent, columns: number, tokens: number): void {
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  const target = event.target as HTMLElement;
  const from = Number(target.dataset['token']);
  if (by === undefined || Number.isNaN(from)) return;
  event.preventDefault();
  const to = from + by;
  if (to < 0 || to >= tokens) return;
  const cell = (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-token="${to}"]`);
  target.tabIndex = -1;
  if (cell !== null) {
    cell.tabIndex = 0;
    cell.focus();
  }
}
