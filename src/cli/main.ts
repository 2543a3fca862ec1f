#!/usr/bin/env node
/**
 * @module cli/main
 * Stands in until the command line is written.
 */
import Table from 'cli-table3'
import { Command } from 'commander'
import pc from 'picocolors'

const table = new Table({ head: [pc.bold('name'), pc.bold('calls')] })
new Command('kronicler').action(() => console.log(table.toString())).parse()
