import type { VNode } from 'preact';

export function LookPanel(): VNode {
  return <p>soon</p>;
}
