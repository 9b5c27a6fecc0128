/**
 * How many tests failed in each file, by a report in JUnit's form as Bun and Node write it. Paths are relative to `root`, which ends with a slash.
 * Failures outside of a test are in no file.
 */
export function failuresByFile(report, root) {
  const failed = new Map();
  // Up to the next test: a failure belongs to the test that it stands in.
  for (const [, attributes, body] of report.matchAll(
    /<testcase((?: [\w-]+="[^"]*")*)>([\s\S]*?)<\/testcase>/g,
  )) {
    const file = attributes.match(/ file="([^"]*)"/)?.[1];
    if (file === undefined || !/<(failure|error)[ />]/.test(body)) continue;
    const path = file.startsWith(root) ? file.slice(root.length) : file;
    failed.set(path, (failed.get(path) ?? 0) + 1);
  }
  return failed;
}
