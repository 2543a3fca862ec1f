// Compiled, never run: what `control` takes and tells.
import { control, type ActiveRule, type ControlRule, type ControlSettings } from 'kronicler'

control('orders.*', { enabled: false })
control('orders.*', { slowerThan: '5ms', sample: 0.1 })
control('orders.*', { slowerThan: 5, sample: null })
control('orders.*', { slowerThan: null, enabled: undefined })
// @ts-expect-error -- settings are not left out
control('orders.*')
// @ts-expect-error -- nor are they a switch
control('orders.*', false)
// @ts-expect-error -- a mistyped setting
control('orders.*', { enable: false })
// @ts-expect-error -- no regular expressions
control(/orders/, { enabled: false })
// @ts-expect-error -- the pattern stands before the settings
control('orders.*', { function: 'orders.*', enabled: false })

control.reset()
control.reset('orders.*')

const rules: ActiveRule[] = control.rules()
const settings: ControlSettings = { ...rules[0] }
const rule: ControlRule = { function: 'orders.*', ...settings }
const source: 'file' | 'program' = rules[0]!.source
console.log(rule, source)
