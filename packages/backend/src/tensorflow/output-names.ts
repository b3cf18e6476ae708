/**
 * What TensorFlow calls the outputs of its ops. Inside a function, a node's output is referred to by that name
 * (`node:product:0`), which a recording of eager ops does not tell. From the op registry of TensorFlow 2.21.
 */
const OPS_BY_OUTPUT: { readonly [output: string]: string } = {
  y: 'Abs Acos Acosh Asin Asinh Atan Atanh Cast Ceil Cos Cosh Erf Exp Expm1 Floor Inv IsFinite IsInf IsNan Log Log1p LogicalNot Neg OnesLike Round Rsqrt Sigmoid Sign Sin Sinh Sqrt Square Tan Tanh Transpose ZerosLike',
  z: 'Add AddV2 Atan2 BitwiseAnd Div DivNoNan Equal FloorDiv FloorMod Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr Maximum Minimum Mul NotEqual Pow RealDiv RightShift RsqrtGrad SquaredDifference Sub',
  sum: 'AddN',
  output:
    'All Any ArgMax ArgMin BatchMatMulV2 BatchToSpaceND BiasAdd BiasAddGrad BroadcastTo ClipByValue ConcatV2 Const Conv2D Conv2DBackpropFilter Conv2DBackpropInput DepthwiseConv2dNative Einsum ExpandDims Fill GatherNd GatherV2 Identity L2Loss LinSpace Max MaxPool Mean Min MirrorPad OneHot Pack PadV2 Prod Range Real Reshape ReverseV2 ScatterNd Select SelectV2 Shape Slice SpaceToBatchND Squeeze StopGradient StridedSlice Sum TensorScatterUpdate Tile UnsortedSegmentSum',
  out: 'Cumprod Cumsum',
  activations: 'Elu LeakyRelu Relu Relu6 Selu Softplus',
  logsoftmax: 'LogSoftmax',
  product: 'MatMul _FusedMatMul',
  value: 'ReadVariableOp',
  backprops: 'ReluGrad',
  resized_images: 'ResizeBilinear',
  softmax: 'Softmax',
  index: 'Where',
  resource: 'VarHandleOp',
  // One list of outputs.
  'output*': 'Split SplitV Unpack XlaOptimizationBarrier',
  // Several outputs.
  'values indices': 'TopKV2',
  'loss backprop': 'SoftmaxCrossEntropyWithLogits',
};

const OUTPUTS: ReadonlyMap<string, string> = new Map(
  Object.entries(OPS_BY_OUTPUT).flatMap(([outputs, ops]) =>
    ops.split(' ').map((op) => [op, outputs] as const),
  ),
);

/**
 * Output `index` of an op, as functions refer to it: `product:0`.
 * @throws when the op is not in the table.
 */
export function outputName(op: string, index: number): string {
  const outputs = OUTPUTS.get(op);
  if (outputs === undefined)
    throw new Error(
      `XLA: the outputs of TensorFlow's op ${op} are not known to @maehem/backend (tensorflow/output-names.ts); run without XLA`,
    );
  if (outputs.endsWith('*')) return `${outputs.slice(0, -1)}:${index}`;
  return `${outputs.split(' ')[index] ?? ''}:0`;
}
