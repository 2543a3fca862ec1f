/**
 * @module demo/store
 * Everything the service asks of SQLite, one captured function a question.
 */
import Database from 'libsql'
import { capture } from 'kronicler'

export const ARTICLES_PER_LIST = 30

/**
 * @param {string} file as written by `seedDatabase`
 */
export function openStore(file) {
  const database = new Database(file)
  // This connection's share of the page cache; the rest is the operating system's business.
  database.exec('PRAGMA cache_size = -4000')
  const article = database.prepare('SELECT * FROM articles WHERE id = ?')
  const list = database.prepare(
    `SELECT id, title, source, length(body) AS size,
       (SELECT count(*) FROM comments WHERE article_id = articles.id) AS comments
     FROM articles ORDER BY id DESC LIMIT ? OFFSET ?`,
  )
  const search = database.prepare(
    `SELECT articles.id, articles.title, articles.source,
       snippet(search, 1, '', '', '…', 16) AS excerpt
     FROM search JOIN articles ON articles.id = search.rowid
     WHERE search MATCH ? ORDER BY rank LIMIT ?`,
  )
  const comments = database.prepare(
    'SELECT author, body, posted_ms AS postedMs FROM comments WHERE article_id = ? ORDER BY posted_ms',
  )
  const addComment = database.prepare(
    'INSERT INTO comments (article_id, author, body, posted_ms) VALUES (?, ?, ?, ?)',
  )

  return {
    findArticle: capture('findArticle', (id) => article.get(id)),
    listArticles: capture('listArticles', (page) =>
      list.all(ARTICLES_PER_LIST, page * ARTICLES_PER_LIST),
    ),
    searchArticles: capture('searchArticles', (words) =>
      search.all(matchAll(words), ARTICLES_PER_LIST),
    ),
    listComments: capture('listComments', (articleId) => comments.all(articleId)),
    addComment: capture('addComment', (articleId, { author, text }) =>
      addComment.run(articleId, author, text, Date.now()),
    ),
    close: () => database.close(),
  }
}

/** Full-text query for rows with all the words; quoted, so that no word is taken for an operator. */
function matchAll(words) {
  const tokens = words.match(/[\p{L}\p{N}]+/gu) ?? ['']
  return tokens.map((token) => `"${token}"`).join(' ')
}
