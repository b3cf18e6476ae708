import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { type DataSource, sourceName } from '../data/source.js';
import { droppedFiles, pickedFiles } from '../import/dropped.js';
import type { BroughtFile } from '../import/protocol.js';
import { megabytes } from '../keep/private-files.js';
import { bring, bringing, collections, forget, refreshCollections, shortSide } from './bringing.js';
import { Camera } from './camera.js';
import { source } from './draft.js';
import { Field } from './fields.js';
import { Picture } from './picture.js';
import { draftDiffers, openRun, phase } from './session.js';

const over = signal(false);

/** What to train on: digits that are there, or pictures of one's own. */
export function DataPanel(): VNode {
  useEffect(() => void refreshCollections(), []);
  return (
    <div class="panel-grid data">
      <Sources />
      <Bring />
      <Brought />
    </div>
  );
}

function Sources(): VNode {
  return (
    <fieldset>
      <legend>Train on</legend>
      <SourceChoice choice={{ kind: 'mnist', count: 10_000 }} detail="2 MB, handwritten" />
      <SourceChoice choice={{ kind: 'mnist', count: 60_000 }} detail="10 MB, all of the training set" />
      {collections.value.map(({ source: own, count, bytes, classes }) => (
        <div class="source-row" key={own.id}>
          <SourceChoice
            choice={own}
            detail={`${count.toLocaleString('en')} pictures${classes > 0 ? `, ${classes} classes` : ''}, ${megabytes(bytes)}`}
          />
          <button
            type="button"
            class="quiet"
            aria-label={`Delete ${own.name}`}
            onClick={() => void forget(own.id)}
          >
            Delete
          </button>
        </div>
      ))}
      <button
        type="button"
        class="primary"
        disabled={!draftDiffers.value || phase.value === 'training'}
        onClick={() => void openRun()}
      >
        Open a run on these
      </button>
    </fieldset>
  );
}

function SourceChoice({ choice, detail }: { choice: DataSource; detail: string }): VNode {
  const id = `source-${choice.kind === 'mnist' ? choice.count : choice.id}`;
  return (
    <div class="field switch">
      <input
        id={id}
        type="radio"
        name="source"
        checked={JSON.stringify(source.value) === JSON.stringify(choice)}
        onChange={() => {
          source.value = choice;
        }}
      />
      <label for={id}>
        {sourceName(choice)} <small>{detail}</small>
      </label>
    </div>
  );
}

function Bring(): VNode {
  return (
    <fieldset>
      <legend>Bring your own</legend>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the same can be done with the buttons inside */}
      <div
        class={`drop ${over.value ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          over.value = true;
        }}
        onDragLeave={() => {
          over.value = false;
        }}
        onDrop={(event) => {
          event.preventDefault();
          over.value = false;
          if (event.dataTransfer !== null)
            void droppedFiles(event.dataTransfer).then((files) => bring(files, named(files)));
        }}
      >
        <p>Drop pictures, a folder, a zip or tar, MNIST or CIFAR files here.</p>
        <div class="buttons">
          <Pick label="Choose files" />
          <Pick label="Choose a folder" folder />
          <Camera />
        </div>
        <p class="hint">A folder for each class makes them labelled. Nothing leaves this browser.</p>
      </div>
      <Field label="Keep them with a short side of" id="short-side" unit="px">
        <select
          id="short-side"
          value={shortSide.value}
          onChange={(event) => {
            shortSide.value = Number(event.currentTarget.value);
          }}
        >
          {[48, 96, 160, 256].map((size) => (
            <option key={size} value={size}>
              {size}
            </option>
          ))}
        </select>
      </Field>
    </fieldset>
  );
}

function Pick({ label, folder = false }: { label: string; folder?: boolean }): VNode {
  const id = folder ? 'pick-folder' : 'pick-files';
  return (
    <span class="pick">
      <input
        id={id}
        type="file"
        multiple
        {...(folder
          ? { webkitdirectory: true }
          : { accept: 'image/*,.zip,.tar,.tgz,.gz,.bin,.idx3-ubyte,.idx1-ubyte' })}
        onChange={(event) => {
          const { files } = event.currentTarget;
          if (files === null || files.length === 0) return;
          const brought = pickedFiles(files);
          const first = files[0]!.webkitRelativePath.split('/')[0];
          void bring(brought, first || named(brought));
          event.currentTarget.value = '';
        }}
      />
      <label for={id}>{label}</label>
    </span>
  );
}

/** What a collection is called: its file or folder, or how many files there are. */
function named(files: readonly BroughtFile[]): string {
  const roots = new Set(files.map(({ path }) => path.split('/')[0]!));
  return roots.size === 1 ? [...roots][0]! : `${files.length} files`;
}

function Brought(): VNode | null {
  const { value } = bringing;
  if (value === undefined) return null;
  const { result, done, bytes, leftOut, thumbnails } = value;
  return (
    <fieldset class="brought" aria-live="polite">
      <legend>{value.name}</legend>
      <p id="brought">
        {result === undefined ? 'Reading… ' : ''}
        {done.toLocaleString('en')} pictures kept, {megabytes(bytes)}
        {result !== undefined && result.classes.length > 1 ? `, ${result.classes.length} classes` : ''}
        {leftOut > 0 ? `; ${leftOut.toLocaleString('en')} left out` : ''}.
      </p>
      <div class="contact-sheet">
        {thumbnails.map((image, at) => (
          <Picture key={at} image={image} label={`Picture ${at + 1}`} />
        ))}
      </div>
      {result !== undefined && result.leftOut.length > 0 && (
        <details>
          <summary>What was left out, and why</summary>
          <ul>
            {result.leftOut.slice(0, 100).map(({ path, why }) => (
              <li key={path}>
                <b>{path}</b>: {why}
              </li>
            ))}
          </ul>
        </details>
      )}
    </fieldset>
  );
}
