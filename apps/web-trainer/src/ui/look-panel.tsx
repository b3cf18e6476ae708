import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import type { AttentionLook, NeighbourLook, PcaLook, ProbeLook } from '../trainer/protocol.js';
import { AttentionView } from './attention-view.js';
import { looked } from './looked.js';
import { MaskPlay } from './mask-play.js';
import { Picture } from './picture.js';
import { message, phase, run, trainer } from './session.js';
import { percent } from './words.js';

const attention = signal<AttentionLook | undefined>(undefined);
const block = signal(0);
const pca = signal<PcaLook | undefined>(undefined);
const neighbours = signal<NeighbourLook | undefined>(undefined);
const probe = signal<ProbeLook | undefined>(undefined);
const working = signal<string | undefined>(undefined);

/** What the model makes of a picture, and how. */
export function LookPanel(): VNode {
  const id = run.value?.id;
  useEffect(() => {
    attention.value = pca.value = neighbours.value = probe.value = undefined;
    block.value = Math.max(0, (run.value === undefined ? 1 : blocks()) - 1);
    looked.value = { heldOut: 0 };
  }, [id]);
  if (run.value === undefined) return <p>Open a run first.</p>;
  return (
    <div class="look">
      <MaskPlay />
      <section class="look-more" aria-labelledby="inside-title">
        <h3 id="inside-title">How it sees this picture</h3>
        <p class="hint">
          {phase.value === 'training'
            ? 'Training goes on meanwhile; each look takes a turn between two steps.'
            : 'Each look uses the model as it is now.'}
        </p>
        <div class="buttons">
          <Ask
            what="attention"
            name="Attention"
            ask={async () => (attention.value = await trainer().attention(looked.value, block.value))}
          />
          <Ask what="pca" name="Features as colours" ask={async () => (pca.value = await trainer().pca(8))} />
          <Ask
            what="neighbours"
            name="Nearest pictures"
            ask={async () => (neighbours.value = await trainer().neighbours(looked.value, 7))}
          />
          <Ask
            what="probe"
            name="Linear probe"
            disabled={run.value.classes.length < 2}
            ask={async () => (probe.value = await trainer().probe())}
          />
        </div>
        {attention.value && (
          <AttentionView
            look={attention.value}
            block={block}
            blocks={blocks()}
            again={askAttention}
            grid={run.value.grid}
          />
        )}
        {pca.value && <Pca look={pca.value} />}
        {neighbours.value && <Neighbours look={neighbours.value} />}
        {probe.value && <Probe look={probe.value} />}
      </section>
    </div>
  );
}

function blocks(): number {
  const { model } = run.value!.settings;
  return Number(model.depth ?? DEPTHS[model.preset] ?? 12);
}

/** Of the presets that are not twelve blocks deep. */
const DEPTHS: Readonly<Record<string, number>> = { tiny: 3, small: 4, 'vit-l': 24, 'vit-h': 32 };

async function askAttention(): Promise<void> {
  attention.value = await trainer().attention(looked.value, block.value);
}

interface AskProps {
  readonly what: string;
  readonly name: string;
  readonly disabled?: boolean;
  readonly ask: () => Promise<unknown>;
}

function Ask({ what, name, disabled = false, ask }: AskProps): VNode {
  return (
    <button
      type="button"
      id={`ask-${what}`}
      disabled={disabled || working.value !== undefined}
      aria-busy={working.value === what}
      onClick={() => {
        working.value = what;
        ask()
          .catch((error: Error) => {
            message.value = { kind: 'alarm', text: error.message };
          })
          .finally(() => {
            working.value = undefined;
          });
      }}
    >
      {working.value === what ? 'Looking…' : name}
    </button>
  );
}

function Pca({ look }: { look: PcaLook }): VNode {
  return (
    <figure class="look-figure">
      <div class="pairs">
        {look.originals.map((image, at) => (
          <div key={at}>
            <Picture image={image} label={`Held-out picture ${at + 1}`} />
            <Picture image={look.colours[at]!} label={`Its patch features as colours`} />
          </div>
        ))}
      </div>
      <figcaption>
        The first three principal components of the patch features, as red, green and blue: they hold{' '}
        {percent(look.explained.reduce((sum, part) => sum + part, 0))} of the variance. Like colours, like
        features.
      </figcaption>
    </figure>
  );
}

function Neighbours({ look }: { look: NeighbourLook }): VNode {
  return (
    <figure class="look-figure">
      <div class="strip">
        <div class="self">
          <Picture image={look.original} label="The picture" />
          <small>the picture</small>
        </div>
        {look.neighbours.map(({ image, similarity, label }, at) => (
          <div key={at}>
            <Picture image={image} label={`Neighbour ${at + 1}${label === undefined ? '' : `, ${label}`}`} />
            <small class="figure">
              {label === undefined ? '' : `${label} · `}
              {similarity.toFixed(2)}
            </small>
          </div>
        ))}
      </div>
      <figcaption>
        Nearest of {look.searched.toLocaleString('en')} held-out pictures, by the cosine of their features.
      </figcaption>
    </figure>
  );
}

function Probe({ look }: { look: ProbeLook }): VNode {
  return (
    <figure class="look-figure">
      <dl class="costs" id="probe">
        <div>
          <dt>This encoder</dt>
          <dd class="figure">{percent(look.accuracy)}</dd>
        </div>
        <div>
          <dt>The same, untrained</dt>
          <dd class="figure">{percent(look.untrained)}</dd>
        </div>
        <div>
          <dt>Chance</dt>
          <dd class="figure">{percent(1 / look.classes)}</dd>
        </div>
      </dl>
      <figcaption>
        Accuracy of a linear classifier on frozen features: {look.trainImages.toLocaleString('en')} labelled
        pictures to learn from, {look.testImages.toLocaleString('en')} held out.
      </figcaption>
    </figure>
  );
}
