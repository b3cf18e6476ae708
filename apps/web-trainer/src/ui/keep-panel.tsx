import type { VNode } from 'preact';

export function KeepPanel(): VNode {
  return <p>soon</p>;
}
