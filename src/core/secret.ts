const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** Holds a value that no log, message or JSON may show: whatever prints it prints `[secret]`. */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** Takes the value out: the one place to look for when auditing where secrets go. */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [INSPECT](): string {
    return '[secret]'
  }
}
