/**
 * `gelu(x)`: the exact GELU and its derivative, with Abramowitz & Stegun 7.1.26 for erf as in host.ts: one
 * exponential for both.
 */
export function geluFunction(type: 'f32' | 'vec4<f32>'): string {
  return `struct Gelu { value: ${type}, derivative: ${type} }
fn gelu(x: ${type}) -> Gelu {
  let gauss = exp(-0.5 * x * x);
  let t = 1.0 / (1.0 + ${0.3275911 * Math.SQRT1_2} * abs(x));
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let tail = 0.5 * series * gauss;
  let distribution = select(tail, 1.0 - tail, x >= ${type}());
  return Gelu(x * distribution, distribution + x * gauss * ${1 / Math.sqrt(2 * Math.PI)});
}`;
}
