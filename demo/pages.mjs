/**
 * @module demo/pages
 * Makes the HTML: Markdown by marked, templates by eta, compressed by zlib.
 */
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { gzip } from 'node:zlib'
import { Eta } from 'eta'
import { marked } from 'marked'
import { capture } from 'kronicler'

const eta = new Eta({ views: fileURLToPath(new URL('views', import.meta.url)), cache: true })

/** Articles are trusted texts (their HTML stays); comments are not, and the template escapes them. */
export const renderMarkdown = capture('renderMarkdown', (text) => marked.parse(text))

export const renderArticle = capture('renderArticle', (data) => eta.render('./article', data))

export const renderList = capture('renderList', (data) => eta.render('./list', data))

/** Runs in Node's thread pool; what is captured is the time until the promise settles. */
export const compress = capture('compress', promisify(gzip))
