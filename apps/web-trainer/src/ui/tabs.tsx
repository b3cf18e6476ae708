import type { Signal } from '@preact/signals';
import type { VNode } from 'preact';

/** A tab and what it shows. */
export interface Tab {
  readonly id: string;
  readonly name: string;
  readonly panel: () => VNode;
}

/** Tabs that arrow keys walk through, as the ARIA practices describe. */
export function Tabs({
  tabs,
  chosen,
  label,
}: {
  tabs: readonly Tab[];
  chosen: Signal<string>;
  label: string;
}): VNode {
  const at = tabs.findIndex(({ id }) => id === chosen.value);
  const current = tabs[at] ?? tabs[0]!;
  const move = (event: KeyboardEvent): void => {
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length]!;
    chosen.value = tab.id;
    document.getElementById(`tab-${tab.id}`)?.focus();
  };
  const Panel = current.panel;
  return (
    <section class="tabs">
      <div role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map(({ id, name }) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`tab-${id}`}
            aria-selected={id === current.id}
            aria-controls="tab-panel"
            tabIndex={id === current.id ? 0 : -1}
            onClick={() => {
              chosen.value = id;
            }}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${current.id}`}>
        <Panel key={current.id} />
      </div>
    </section>
  );
}
