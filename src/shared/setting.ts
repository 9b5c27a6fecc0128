import { type Static, type TInteger, type TObject, type TProperties, Type } from "typebox";

/** The values of a part's settings. */
export type SettingsOf<P extends TProperties> = Static<TObject<P>>;

/** The kinds of settings: each with its default and what it is for. */
export const text = (fallback: string, description: string) =>
  Type.String({ default: fallback, description });
export const secret = (description: string) => Type.String({ default: "", description, secret: true });
/** Texts that may hold a secret. */
export const secretTexts = (description: string) =>
  Type.Array(Type.String({ minLength: 1 }), { default: [], description, secret: true });
export const flag = (fallback: boolean, description: string) =>
  Type.Boolean({ default: fallback, description });
export const texts = (fallback: readonly string[], description: string) =>
  Type.Array(Type.String({ minLength: 1 }), { default: fallback, description });
export const port = (fallback: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 0, maximum: 65_535, description });
export const milliseconds = (fallback: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 0, maximum: 86_400_000 * 30, description });

/** A group of limits. Each is at least 1: what can be off has a setting of its own. `maximum`: of each of them. */
export function limitsGroup<T extends { readonly [name in keyof T]: number }>(
  defaults: T,
  description: string,
  meanings: { readonly [name in keyof T]?: string } = {},
  maximum = Number.MAX_SAFE_INTEGER,
) {
  const limits = Object.entries<number>(defaults).map(([name, value]) => {
    const meaning = meanings[name as keyof T];
    const words = meaning === undefined ? {} : { description: meaning };
    return [name, Type.Integer({ default: value, minimum: 1, maximum, ...words })];
  });
  return Type.Object(Object.fromEntries(limits) as { [name in keyof T]: TInteger }, { description });
}
