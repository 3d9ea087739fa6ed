import { apiKeys } from './api-keys.ts'
import { type Command, Misuse } from './command.ts'

/** The kinds of keys, each with commands of its own. */
const kinds: Readonly<Record<string, Command>> = { api: apiKeys }

/** `countersign keys …` */
export const keys: Command = {
  usage: Object.values(kinds)
    .map(({ usage }) => usage)
    .join('\n'),
  async run([name = '', ...rest], io) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined)
      throw new Misuse(
        name === '' ? `say which keys: ${Object.keys(kinds).join(', ')}` : `there is no command "keys ${name}"`,
      )
    await kind.run(rest, io)
  },
}
