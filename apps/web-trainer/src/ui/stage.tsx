import type { VNode } from 'preact';
import { Picture } from './picture.js';
import { opening, pictures, run } from './session.js';

const ROWS = [
  { name: 'It sees', key: 'masked' },
  { name: 'It guesses', key: 'guess' },
  { name: 'The truth', key: 'original' },
] as const;
/** Pictures that a run shows, most likely. */
const AWAITED = 6;

/** Held-out pictures as the model sees them, as it guesses them, and as they are, while it learns. */
export function Stage(): VNode {
  const shown = pictures.value;
  return (
    <section class="stage" aria-labelledby="stage-title" aria-busy={shown === undefined}>
      <header>
        <h2 id="stage-title">Pictures it has never trained on</h2>
        <p class="figure">{shown === undefined ? waiting() : stepName(shown.step)}</p>
      </header>
      {shown === undefined ? (
        <Awaited />
      ) : (
        <div class="mosaic" style={{ '--columns': shown.pictures.length }}>
          {ROWS.map(({ name, key }) => (
            <div class="mosaic-row" key={key}>
              <h3>{name}</h3>
              {shown.pictures.map((picture, at) => (
                <Picture
                  key={at}
                  image={picture[key]}
                  class={key}
                  label={`${name}: held-out picture ${at + 1} of ${shown.pictures.length}`}
                />
              ))}
            </div>
          ))}
        </div>
      )}
      <p class="caption">
        {hiddenShare()} of every picture is destroyed before the model looks. It is never shown the third row
        {run.value?.settings.normPix
          ? '; but its guesses of normalised patches are drawn with the true mean and spread of each.'
          : '.'}
      </p>
    </section>
  );
}

/** The place of the pictures, so that nothing jumps when they come. */
function Awaited(): VNode {
  return (
    <div class="awaited" aria-hidden="true" style={{ '--columns': AWAITED }}>
      {ROWS.map(({ name, key }) => (
        <div class="mosaic-row" key={key}>
          <h3>{name}</h3>
          {Array.from({ length: AWAITED }, (_, at) => (
            <div key={at} class="picture" />
          ))}
        </div>
      ))}
    </div>
  );
}

function waiting(): string {
  return opening.value === undefined ? 'no run is open' : `${opening.value}…`;
}

function stepName(step: number): string {
  return step === 0 ? 'untrained' : `step ${step.toLocaleString('en')}`;
}

function hiddenShare(): string {
  const ratio = run.value?.settings.mask.ratio ?? 0.75;
  return `${Math.round(100 * ratio)} %`;
}
