/**
 * @module demo/service
 * The program that is watched: a small web site with articles, comments and search, as it might stand
 * in any repository. Kronicler appears in it as `capture` around the functions worth knowing about.
 */
import fastify from 'fastify'
import { capture } from 'kronicler'
import { LruCache } from './cache.mjs'
import { compress, renderArticle, renderList, renderMarkdown } from './pages.mjs'
import { openStore } from './store.mjs'

const PAGE_CACHE_BYTES = 2_000_000

/**
 * Starts the service on a free port of the loopback interface.
 *
 * @param {string} file SQLite file with the articles
 */
export async function startService(file) {
  const store = openStore(file)
  const pages = new LruCache(PAGE_CACHE_BYTES)
  const served = { responses: 0, failures: 0 }

  const showList = capture('showList', async (page) => {
    const articles = store.listArticles(page)
    return compress(renderList({ title: `Articles, page ${page}`, articles, nextPage: page + 1 }))
  })

  const showArticle = capture('showArticle', async (id) => {
    const cached = pages.get(id)
    if (cached) return cached
    const article = store.findArticle(id)
    if (!article) return undefined
    const html = renderMarkdown(article.body)
    const comments = store.listComments(id)
    const page = await compress(renderArticle({ ...article, html, comments }))
    pages.set(id, page)
    return page
  })

  const showSearch = capture('showSearch', async (query) => {
    const articles = store.searchArticles(query)
    return compress(renderList({ title: `Search: ${query}`, query, articles }))
  })

  const postComment = capture('postComment', (id, comment) => {
    store.addComment(id, comment)
    pages.delete(id)
  })

  const app = fastify()
  app.addHook('onResponse', async (request, reply) => {
    served.responses++
    if (reply.statusCode >= 400) served.failures++
  })
  app.get('/', async (request, reply) => sendPage(reply, await showList(pageOf(request.query))))
  app.get('/articles/:id', async (request, reply) =>
    sendPage(reply, await showArticle(Number(request.params.id))),
  )
  app.get('/search', async (request, reply) =>
    sendPage(reply, await showSearch(String(request.query.q ?? ''))),
  )
  app.post('/articles/:id/comments', async (request, reply) => {
    postComment(Number(request.params.id), request.body)
    return reply.code(201).send()
  })

  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    served,
    pages,
    async close() {
      await app.close()
      store.close()
    },
  }
}

/** Pages exist in compressed form only; every client of this demo takes gzip. */
function sendPage(reply, page) {
  if (page === undefined) return reply.code(404).type('text/plain').send('No such article\n')
  return reply.type('text/html; charset=utf-8').header('content-encoding', 'gzip').send(page)
}

function pageOf(query) {
  return Math.max(0, Math.floor(Number(query.page ?? 0)) || 0)
}
