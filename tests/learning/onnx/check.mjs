// node check.mjs FOLDER: runs the files that write_onnx_files wrote into FOLDER
// in onnxruntime-web (WebAssembly, one thread) and compares what it predicts
// with what Shoal predicted. onnxruntime-web is looked for in the folder that
// this script lies in, and those above.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web/wasm';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

// Both compute in float32, in another order. Weights of fewer bits are widened
// to the same float32 values by both.
const TOLERANCE = 1e-5;

function floats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

// The largest difference relative to 1 + |expected|; NaN and a wrong shape are
// infinitely wrong.
function largestError(actual, expected) {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < actual.length; ++i) {
    const error =
        Math.abs(actual[i] - expected[i]) / (1 + Math.abs(expected[i]));
    if (!(error <= largest)) largest = Number.isNaN(error) ? Infinity : error;
  }
  return largest;
}

async function errorOf(folder, name, inputDims, outputDims) {
  const path = join(folder, name);
  const session = await ort.InferenceSession.create(
      readFileSync(`${path}.onnx`));
  const input = new ort.Tensor('float32', floats(`${path}.input`), inputDims);
  const { output } = await session.run({ input });
  const sameDims = output.dims.join() === outputDims.join();
  const error = sameDims
      ? largestError(output.data, floats(`${path}.expected`))
      : Infinity;
  await session.release();
  return error;
}

const folder = process.argv[2];
const index = readFileSync(join(folder, 'index.txt'), 'utf8').trim();
const dims = (text) => text.split(',').map(Number);
let count = 0;
let failures = 0;
let worst = 0;
for (const line of index.split('\n')) {
  const [name, input, output] = line.split(' ');
  let error;
  try {
    error = await errorOf(folder, name, dims(input), dims(output));
  } catch (problem) {
    console.log(`${name}: ${problem.message}`);
    error = Infinity;
  }
  ++count;
  worst = Math.max(worst, error);
  if (error > TOLERANCE) {
    ++failures;
    console.log(`${name}: differs by ${error}, expected at most ${TOLERANCE}`);
  }
}
console.log(`${count} files, largest difference ${worst}, ` +
            `${failures} beyond ${TOLERANCE}`);
process.exit(failures === 0 && count > 0 ? 0 : 1);
