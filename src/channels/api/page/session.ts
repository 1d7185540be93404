import { randomBytes } from 'node:crypto';
import { EncryptJWT, jwtDecrypt } from 'jose';
import type { z } from 'zod';

/** What a browser carries for us, sealed: who is signed in, or a sign-in under way. */
export interface Cookies {
  /** The `Set-Cookie` header that makes the browser keep `content` for `maxAgeSeconds`. */
  keep(
    name: CookieName,
    content: Record<string, string | number | boolean | null>,
    maxAgeSeconds: number,
  ): Promise<string>;
  forget(name: CookieName): string;
  /** Undefined when it is missing, was changed, or is over. */
  read<T>(name: CookieName, cookieHeader: string | undefined, schema: z.ZodType<T>): Promise<T | undefined>;
}

export type CookieName = 'session' | 'sign-in';

export interface CookiesOptions {
  /** 32 bytes in base64url; made when left out: a restart then ends all sessions. */
  key?: string | undefined;
  /** Whether browsers reach us by TLS. */
  hasTls: boolean;
  clock: () => number;
}

/** Encrypted, HttpOnly, SameSite=Lax cookies (RFC 6265bis). */
export function createCookies({ key, hasTls, clock }: CookiesOptions): Cookies {
  const secret = key === undefined ? randomBytes(32) : Buffer.from(key, 'base64url');
  // The prefix keeps a neighbouring host from setting it; browsers take it over TLS only.
  const fullName = (name: CookieName): string => `${hasTls ? '__Host-' : ''}countersign-${name}`;
  const attributes = `Path=/; HttpOnly; SameSite=Lax${hasTls ? '; Secure' : ''}`;
  return {
    async keep(name, content, maxAgeSeconds) {
      const nowSeconds = Math.floor(clock() / 1_000);
      const sealed = await new EncryptJWT(content)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setIssuedAt(nowSeconds)
        .setExpirationTime(nowSeconds + maxAgeSeconds)
        // One kind of cookie must not serve as the other.
        .setAudience(name)
        .encrypt(secret);
      return `${fullName(name)}=${sealed}; Max-Age=${String(maxAgeSeconds)}; ${attributes}`;
    },
    forget: (name) => `${fullName(name)}=; Max-Age=0; ${attributes}`,
    async read(name, cookieHeader, schema) {
      const sealed = findCookie(fullName(name), cookieHeader);
      if (sealed === undefined) return undefined;
      try {
        const { payload } = await jwtDecrypt(sealed, secret, {
          audience: name,
          requiredClaims: ['exp'],
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
          currentDate: new Date(clock()),
        });
        return schema.safeParse(payload).data;
      } catch {
        return undefined;
      }
    },
  };
}

/** Of two by the same name none counts: one of them was planted. */
function findCookie(name: string, header: string | undefined): string | undefined {
  const found = (header ?? '').split(';').flatMap((pair) => {
    const [key, ...value] = pair.trim().split('=');
    return key === name ? [value.join('=')] : [];
  });
  return found.length === 1 ? found[0] : undefined;
}
