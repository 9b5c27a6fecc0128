import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";

export type LazyValidator = Pick<Validator, "Check" | "Errors">;

/**
 * A validator of the schema, compiled with its first use. A server has hundreds of schemas and meets few of them, and to compile one takes
 * longer than all of its checks.
 */
export function lazyValidator(schema: TSchema): LazyValidator {
  let compiled: Validator | undefined;
  const validator = (): Validator => {
    compiled ??= Compile(schema);
    return compiled;
  };
  return {
    Check: ((value: unknown) => validator().Check(value)) as LazyValidator["Check"],
    Errors: (value) => validator().Errors(value),
  };
}
