/**
 * @module demo/articles
 * The articles that the demo serves: the Markdown documents of the packages in node_modules, each one
 * whole and each of its chapters by itself. They are real texts, and their sizes are what such sizes
 * are everywhere: most are small, a few are more than a hundred times larger.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { pick, popularityOf, randomNumbers } from './random.mjs'

/** @typedef {{ id: number, title: string, source: string, body: string }} Article */

const MAX_DOCUMENTS = 1000 // a bound for installations with far more packages than this one
const MIN_ARTICLE_CHARACTERS = 200
const COMMENTS_PER_ARTICLE = 3
const SEED = 20_240_517

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL);
  CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    article_id INTEGER NOT NULL REFERENCES articles (id),
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    posted_ms INTEGER NOT NULL
  );
  CREATE INDEX comments_of_article ON comments (article_id, posted_ms);
  CREATE VIRTUAL TABLE search USING fts5 (title, body, content = 'articles', content_rowid = 'id');
`

/**
 * Every document below `folder` and every chapter of it, in a stable order, without repeats.
 *
 * @param {string} folder normally node_modules
 * @returns {Article[]}
 */
export function collectArticles(folder) {
  /** @type {Article[]} */
  const articles = []
  const seen = new Set()
  for (const source of markdownFiles(folder)) {
    const document = readFileSync(join(folder, source), 'utf8')
    for (const body of [document, ...chapters(document)]) {
      if (body.length < MIN_ARTICLE_CHARACTERS || seen.has(body)) continue
      seen.add(body)
      articles.push({ id: articles.length + 1, title: titleOf(body) ?? source, source, body })
    }
  }
  return articles
}

/**
 * Writes the articles, some comments and the full-text index into a new SQLite file.
 *
 * @param {string} file must not exist yet
 * @param {readonly Article[]} articles
 * @returns {number} comments written
 */
export function seedDatabase(file, articles) {
  const database = new Database(file)
  try {
    database.exec(SCHEMA)
    database.exec('BEGIN')
    const insertArticle = database.prepare('INSERT INTO articles VALUES (?, ?, ?, ?)')
    for (const { id, title, source, body } of articles) insertArticle.run(id, title, source, body)
    const comments = insertComments(database, articles)
    database.exec(`INSERT INTO search (search) VALUES ('rebuild')`)
    database.exec('COMMIT')
    return comments
  } finally {
    database.close()
  }
}

/** Sentences that readers might quote: single plain lines of the articles. */
export function quotesFrom(articles) {
  return articles
    .flatMap(({ body }) => body.slice(0, 4000).split('\n'))
    .filter((line) => /^[A-Z][^`<>[\]|]{39,160}\.$/.test(line))
}

/** A few articles have long discussions, many have none. */
function insertComments(database, articles) {
  const random = randomNumbers(SEED)
  const article = popularityOf(articles, random)
  const quotes = quotesFrom(articles)
  const insert = database.prepare(
    'INSERT INTO comments (article_id, author, body, posted_ms) VALUES (?, ?, ?, ?)',
  )
  const count = quotes.length === 0 ? 0 : articles.length * COMMENTS_PER_ARTICLE
  const now = Date.now()
  for (let i = 0; i < count; i++) {
    const postedMs = Math.floor(now - random() * 30 * 86_400_000)
    insert.run(article().id, `reader ${1 + (i % 97)}`, pick(quotes, random), postedMs)
  }
  return count
}

function markdownFiles(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && statSync(join(folder, name)).isFile())
    .sort()
    .slice(0, MAX_DOCUMENTS)
}

/** Splits at headings of the second level, but not inside fenced code. */
function chapters(document) {
  const parts = [[]]
  let fenced = false
  for (const line of document.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced
    if (!fenced && line.startsWith('## ')) parts.push([])
    parts.at(-1).push(line)
  }
  return parts.length === 1 ? [] : parts.map((lines) => lines.join('\n'))
}

/** Text of the first heading. */
function titleOf(markdown) {
  const heading = /^#{1,6}\s+(.+)$/m.exec(markdown)?.[1]
  return heading?.replace(/<[^>]*>|\[|\]|\([^)]*\)|[`*_#]/g, '').trim() || undefined
}
