import type { Identity } from "./ports.ts";

/** Users whose older tokens are refused; the bound of what is remembered. */
const maxUsers = 100_000;

/** When users were kicked: tokens that were issued before are void. */
export class KickedUsers {
  readonly #notBefore = new Map<string, number>();

  add(user: string, now: number): void {
    this.#notBefore.delete(user);
    this.#notBefore.set(user, now);
    for (const oldest of this.#notBefore.keys()) {
      if (this.#notBefore.size <= maxUsers) break;
      this.#notBefore.delete(oldest);
    }
  }

  /** True when the user was kicked after this token was issued. */
  has({ user, issuedAt }: Identity): boolean {
    return issuedAt < (this.#notBefore.get(user) ?? 0);
  }
}
