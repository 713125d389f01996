//! Serves the page: hyper on smol, loopback only, the Host header checked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;
use maud::Markup;
use smol::Executor;
use smol::future::or;
use smol::net::{TcpListener, TcpStream};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use crate::base::limits::HTTP_HEAD_BYTES_MAX;
use crate::web::{SharedView, View, pages};

/// What a visitor may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long a head may take to arrive.
    pub(super) head: Duration,
    /// How long a connection may live: a page is a few requests.
    pub(super) connection: Duration,
    /// Connections at once: one browser opens six.
    pub(super) connections_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        let (head, connection) = (Duration::from_secs(10), Duration::from_mins(2));
        Self { head, connection, connections_max: 32 }
    }
}

/// Binds the page on loopback; accounts, and with them the LAN, come later.
///
/// # Errors
///
/// What the socket said.
pub async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, view: SharedView, executor: Arc<Executor<'static>>) {
    serve_within(Bounds::default(), listener, view, executor).await;
}

/// The same within other bounds.
pub(super) async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    view: SharedView,
    executor: Arc<Executor<'static>>,
) {
    let routes = routes(view);
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            smol::Timer::after(Duration::from_millis(100)).await;
            continue;
        };
        if bounds.connections_max <= open.fetch_add(1, Ordering::Relaxed) {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (routes, open) = (routes.clone(), Arc::clone(&open));
        let talk = async move {
            or(talk(stream, routes, bounds.head), async {
                smol::Timer::after(bounds.connection).await;
            })
            .await;
            open.fetch_sub(1, Ordering::Relaxed);
        };
        executor.spawn(talk).detach();
    }
}

async fn talk(stream: TcpStream, routes: Router, head: Duration) {
    let served = http1::Builder::new()
        .timer(SmolTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HTTP_HEAD_BYTES_MAX)
        .half_close(false)
        .serve_connection(FuturesIo::new(stream), TowerToHyperService::new(routes))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a page's connection ended early");
    }
}

fn routes(view: SharedView) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/studies/{number}", get(study))
        .route("/studies/{number}/pictures/{name}", get(picture))
        .route("/style.css", get(style))
        .fallback(async || missing())
        .layer(middleware::from_fn(guard))
        .with_state(view)
}

/// Refuses names that a hostile page could have rebound to loopback, and closes what pages may do.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    let mut response = if matches!(name, Some("localhost" | "127.0.0.1")) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "this page answers to localhost alone\n").into_response()
    };
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Asks the view on the blocking pool.
async fn ask<T: Send + 'static>(
    view: SharedView,
    question: impl FnOnce(&dyn View) -> Result<T, String> + Send + 'static,
) -> Result<T, Response> {
    smol::unblock(move || question(&*view))
        .await
        .map_err(|why| page(StatusCode::SERVICE_UNAVAILABLE, &pages::notice("Not now", &why)))
}

async fn overview(State(view): State<SharedView>) -> Result<Response, Response> {
    let found = ask(view, View::overview).await?;
    Ok(page(StatusCode::OK, &pages::overview(&found)))
}

async fn study(
    State(view): State<SharedView>,
    Path(number): Path<i64>,
) -> Result<Response, Response> {
    let found = ask(view, move |view| view.study(number)).await?;
    Ok(found.map_or_else(missing, |found| page(StatusCode::OK, &pages::study(&found))))
}

async fn picture(
    State(view): State<SharedView>,
    Path((number, name)): Path<(i64, String)>,
) -> Result<Response, Response> {
    let Some(wanted) = name.strip_suffix(".png").and_then(|name| name.parse().ok()) else {
        return Ok(missing());
    };
    let found = ask(view, move |view| view.picture(number, wanted)).await?;
    let png = |bytes: Vec<u8>| ([(header::CONTENT_TYPE, "image/png")], bytes).into_response();
    Ok(found.map_or_else(missing, png))
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE).into_response()
}

fn missing() -> Response {
    page(StatusCode::NOT_FOUND, &pages::notice("Not here", "There is no such page or study."))
}

fn page(status: StatusCode, markup: &Markup) -> Response {
    (status, Html(markup.0.clone())).into_response()
}
