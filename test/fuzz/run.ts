import { parseArgs } from "node:util";
import { fuzzCodec, fuzzCore } from "./fuzz-run.ts";

// bun test/fuzz/run.ts --inputs 1000000 [--seed N]
const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "1000000" },
    seed: { type: "string", default: `${Date.now() % 1_000_000_000}` },
  },
});
const seed = Number(values.seed);
const inputs = Number(values.inputs);
console.log(`seed ${seed}, ${inputs} inputs to the core and as many to the codec`);

let told = 0;
const report = fuzzCore(seed, inputs, (done) => {
  if (done - told < 50_000) return;
  told = done;
  console.log(`${done} inputs, heap ${(process.memoryUsage().heapUsed / 1_048_576).toFixed(1)} MB`);
});
const { ok, errors, closes, seconds, heap } = report;
console.log(
  `core: ${report.inputs} inputs in ${seconds.toFixed(1)} s: ${ok} taken, ${errors} typed errors, ${closes} closes`,
);
console.log(
  `heap after the worlds: ${heap.at(Math.min(4, heap.length - 1))?.toFixed(1)} MB early, ${heap.at(-1)?.toFixed(1)} MB at the end`,
);
fuzzCodec(seed, inputs);
console.log("codec: no throw, each failure with its reason");
