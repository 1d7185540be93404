/** Where a sign-in may lead back to: our own pages, nothing else. */
export const RETURN_TO = /^\/(?:queue|actions|view\/[0-9A-Za-z]{26})?(?:\?[\w.~%&=+-]{0,500})?$/;

/** The page at hand as a sign-in may lead back to it: without a query that it would refuse, or else the first page. */
export function returnToOf({ pathname, search }: Pick<URL, 'pathname' | 'search'>): string {
  return [pathname + search, pathname].find((page) => RETURN_TO.test(page)) ?? '/';
}
