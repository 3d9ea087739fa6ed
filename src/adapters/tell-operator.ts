/**
 * Shows the operator what a handler threw: the caller is told nothing of it. Frameworks with an error handler of their
 * own do this themselves.
 */
export function tellOperator(error: unknown): void {
  console.error(error)
}
