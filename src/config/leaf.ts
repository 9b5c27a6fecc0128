import { Type } from "typebox";

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
