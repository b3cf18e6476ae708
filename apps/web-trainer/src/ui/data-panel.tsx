import type { VNode } from 'preact';

export function DataPanel(): VNode {
  return <p>soon</p>;
}
