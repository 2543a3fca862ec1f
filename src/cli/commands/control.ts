/**
 * @module cli/commands/control
 * What is recorded of which functions, in all programs that write to the directory, while they run.
 */
import { Option, type Command } from 'commander'
import { controlFilePath, readControlFile, writeControlFile } from '../../control/control-file.ts'
import { withoutRules, withRule } from '../../control/edit-rules.ts'
import { createMatcher } from '../../control/glob.ts'
import { checkPattern, type ControlRule } from '../../control/rule.ts'
import { KroniclerError } from '../../errors.ts'
import { parseDurationNs } from '../../internal/duration.ts'
import { oneInOf } from '../../internal/sampling.ts'
import type { CliContext } from '../context.ts'
import { formatCount, formatDuration } from '../format.ts'
import { nearestNames } from '../nearest.ts'
import { parseRate, parseThreshold } from '../options.ts'
import { toJson, UsageError, withDatabase, type Session } from '../session.ts'
import { printable, truncate } from '../text.ts'

const MOST_NAMES = 10

interface SetOptions {
  on?: boolean
  off?: boolean
  slowerThan?: string
  sample?: number
}

const PATTERNS = `
Patterns are names of functions: * stands for any characters, ? for one. Rules apply in order, and for each setting the
last rule that has it wins. Programs follow within two seconds, also for functions that they capture later. What a
program sets itself, with control() in its code, comes after the rules here.
--from and --to have no effect here.`

export function addControlCommand(program: Command, context: CliContext): void {
  const control = program
    .command('control')
    .summary('what is recorded of which functions, changed while programs run')
    .description(
      'Lists the rules that say what programs record, and the functions that each of them is about.',
    )
    .helpCommand(false)
    .addHelpText(
      'after',
      `${PATTERNS}

Examples:
  kronicler control                                  what is set
  kronicler control set 'orders.*' --off             record no calls of these functions
  kronicler control set '*' --slower-than 5ms        store only calls that take as long
  kronicler control reset 'orders.*'                 as if it had never been set`,
    )
    .action(async (_options: object, command: Command) => {
      await withDatabase(context, command, list)
    })
  addSetCommand(control, context)
  addResetCommand(control, context)
}

function addSetCommand(control: Command, context: CliContext): void {
  control
    .command('set')
    .summary('add a rule, or change one')
    .description(
      'Sets what is recorded of the functions that match the pattern. What is not given stays as it is.',
    )
    .argument('<pattern>', 'exact name, or a pattern with * and ?')
    .addOption(new Option('--off', 'do not record calls at all').conflicts('on'))
    .addOption(new Option('--on', 'record calls (again)').conflicts('off'))
    .option(
      '--slower-than <duration>',
      'store only calls that take as long, and failed ones: 250us, 5ms, 1.5s; 0: all',
      parseThreshold,
    )
    .option(
      '--sample <rate>',
      'store this share of the calls, failed and slow ones always: above 0; 1: all',
      parseRate,
    )
    .addHelpText(
      'after',
      `
Calls that are not stored are still counted in the program's own metrics; with --off they are not.
${PATTERNS}

Examples:
  kronicler control set checkout.pay --off
  kronicler control set checkout.pay --on
  kronicler control set '*' --sample 0.1             one in ten, each stands for ten
  kronicler control set 'cache.*' --slower-than 1ms --sample 0.01`,
    )
    .action(async (pattern: string, options: SetOptions, command: Command) => {
      const rule = ruleOf(pattern, options)
      await withDatabase(context, command, (session) => set(session, rule))
    })
}

function addResetCommand(control: Command, context: CliContext): void {
  control
    .command('reset')
    .summary('take back the rules for a pattern, or all rules')
    .description('Takes back what was set for this very pattern; without a pattern, all rules.')
    .argument('[pattern]', 'as it was given to set')
    .addHelpText(
      'after',
      `${PATTERNS}

Examples:
  kronicler control reset 'orders.*'
  kronicler control reset                            record everything that is captured`,
    )
    .action(async (pattern: string | undefined, _options: object, command: Command) => {
      await withDatabase(context, command, (session) => reset(session, pattern))
    })
}

async function list(session: Session): Promise<void> {
  const { directory, json, print } = session
  const rules = readRules(directory)
  const names = await session.database.functionNames()
  if (json) {
    printJson(session, rules, names)
    return
  }
  if (rules.length === 0) {
    print(`No rules are set in ${printable(directory)}: programs record all that they capture.`)
    return
  }
  for (const rule of rules) printRule(session, rule, names)
}

async function set(session: Session, rule: ControlRule): Promise<void> {
  const { directory, json } = session
  const rules = withRule(readRules(directory), rule)
  writeControlFile(directory, rules)
  const names = await session.database.functionNames()
  if (json) printJson(session, rules, names)
  else printRule(session, rule, names)
  if (matchesOf(rule, names).length === 0) warnOfNoMatch(session, rule.function, names)
}

async function reset(session: Session, pattern: string | undefined): Promise<void> {
  const { directory, json, print } = session
  // all rules go, so it does not matter whether they can be read
  const before = pattern === undefined ? [] : readRules(directory)
  const after = withoutRules(before, pattern)
  if (pattern !== undefined && after.length === before.length) throw noSuchRule(pattern, before)
  writeControlFile(directory, after)
  if (json) {
    printJson(session, after, await session.database.functionNames())
    return
  }
  const what = pattern === undefined ? 'All rules are' : `What was set for ${printable(pattern)} is`
  print(`${what} taken back.`)
}

/** @throws {KroniclerError} KRONICLER_USAGE: no setting is given, or the pattern cannot be one */
function ruleOf(pattern: string, { off, on, sample, slowerThan }: SetOptions): ControlRule {
  const enabled = off === true ? false : on
  if (enabled === undefined && sample === undefined && slowerThan === undefined) {
    throw new UsageError('give at least one of --off, --on, --slower-than and --sample')
  }
  return {
    function: checkUsage(() => checkPattern(pattern, 'the pattern')),
    ...(enabled === undefined ? {} : { enabled }),
    ...(slowerThan === undefined ? {} : { slowerThan }),
    ...(sample === undefined ? {} : { sample }),
  }
}

function checkUsage<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** @throws {KroniclerError} KRONICLER_CONTROL: what the file says cannot be kept; says what to do */
function readRules(directory: string): ControlRule[] {
  try {
    return readControlFile(directory)
  } catch (error) {
    if (!(error instanceof KroniclerError)) throw error
    const hint =
      'Programs go by the rules before it. Repair the file, or begin anew with:  kronicler control reset'
    throw new KroniclerError(error.code, `${error.message}\n\n${hint}`, { cause: error })
  }
}

function noSuchRule(pattern: string, rules: readonly ControlRule[]): KroniclerError {
  const patterns = [...new Set(rules.map((rule) => rule.function))]
  const hint =
    patterns.length === 0
      ? 'No rules are set.'
      : `There are rules for\n${patterns.map((other) => `  ${printable(other)}`).join('\n')}`
  const message = `no rule is set for ${printable(pattern)}\n\n${hint}`
  return new KroniclerError('KRONICLER_USAGE', message)
}

function warnOfNoMatch({ context }: Session, pattern: string, names: readonly string[]): void {
  const near = nearestNames(pattern, names).map((name) => `\n  ${printable(name)}`)
  const hint = near.length === 0 ? '' : `. Did you mean${near.join('')}`
  context.stderr.write(
    `warning: no function that is known matches ${printable(pattern)}; the rule waits for one${hint}\n`,
  )
}

function matchesOf(rule: ControlRule, names: readonly string[]): string[] {
  const matches = createMatcher(rule.function)
  return names.filter(matches)
}

function printJson(
  { directory, print }: Session,
  rules: readonly ControlRule[],
  names: readonly string[],
): void {
  const listed = rules.map((rule) => ({ ...rule, matches: matchesOf(rule, names) }))
  print(toJson({ file: controlFilePath(directory), rules: listed }))
}

/** The rule, and below it the functions that it is about. */
function printRule(session: Session, rule: ControlRule, names: readonly string[]): void {
  const { colors, print, width } = session
  const settings = settingsOf(rule)
  const pattern = truncate(printable(rule.function), Math.max(8, width - settings.length - 2))
  print(`${colors.cyan(pattern)}  ${settings}`)
  const matches = matchesOf(rule, names)
  const more = matches.length - MOST_NAMES
  const end = more > 0 ? ` and ${formatCount(more)} more` : ''
  const text =
    matches.length === 0
      ? 'no function that is known'
      : matches.slice(0, MOST_NAMES).map(printable).join(', ')
  print(colors.dim(`  ${truncate(text, width - 2 - end.length)}${end}`))
}

function settingsOf({ enabled, sample, slowerThan }: ControlRule): string {
  const settings: string[] = []
  if (enabled !== undefined) settings.push(enabled ? 'on' : 'off')
  if (slowerThan !== undefined) {
    const ns = slowerThan === null ? 0 : parseDurationNs(slowerThan, 'slowerThan')
    settings.push(ns === 0 ? 'however short' : `slower than ${formatDuration(ns)}`)
  }
  if (sample !== undefined) {
    const oneIn = sample === null ? 1 : oneInOf(sample, 'sample')
    settings.push(oneIn === 1 ? 'every call' : `one in ${formatCount(oneIn)}`)
  }
  return settings.join(', ')
}
