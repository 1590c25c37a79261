import type { Tree } from './tree.ts';

/** A rule of style that is a test. */
export interface Rule {
  /** The claim, as a test names it. */
  name: string;
  /** Why we want it so; it is printed with the breaches. */
  reason: string;
  /** The breaches, each with its place. */
  find: (tree: Tree) => string[];
  /** Files that breach the rule, to see that it finds them: each entry is a small repository. */
  breaches: Record<string, string>[];
  /** Files that look alike and are allowed. */
  allowed?: Record<string, string>[];
}
