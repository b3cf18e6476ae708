import { addStrided } from '../webgpu/sum.js';

/** Invocations of a workgroup that adds parts. */
export const ADD_PARTS_INVOCATIONS = 64;

/**
 * The second half of a product whose sum was split along k: add the parts, always in the same order, so that
 * the result does not depend on which finished first.
 *
 * Bindings: parts [split, stride], c [m * n], sums [m], uniform (m * n, m, stride, splits).
 */
export function addPartsWgsl({ vector }: { readonly vector: boolean }): string {
  const type = vector ? 'vec4<f32>' : 'f32';
  const lanes = vector ? 4 : 1;
  return `struct Shape { entries: u32, rows: u32, stride: u32, splits: u32 }
@group(0) @binding(0) var<storage, read> parts: array<${type}>;
@group(0) @binding(1) var<storage, read_write> c: array<${type}>;
@group(0) @binding(2) var<storage, read_write> sums: array<${type}>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(${ADD_PARTS_INVOCATIONS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.x + id.y * groups.x * ${ADD_PARTS_INVOCATIONS}u;
  if (at * ${lanes}u >= shape.entries + shape.rows) { return; }
  let stride = shape.stride / ${lanes}u;
  var total = ${type}(0);
${addStrided({
  ...{ into: 'total', type, first: '0u', stride: '1u', end: 'shape.splits', together: 4 },
  read: (part) => `parts[${part} * stride + at]`,
})}
  if (at * ${lanes}u < shape.entries) { c[at] = total; } else { sums[at - shape.entries / ${lanes}u] = total; }
}
`;
}
