//! Goal: whatever knocks at the page is answered within bounds, and every answer closes what pages
//! may do.
//! Method: real sockets on loopback, a view made by hand, bounds short enough for a test.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use smol::Executor;
use smol::channel::Sender;

use super::serve::{Bounds, bind, serve_within};
use super::{Overview, ResultView, SharedView, StudyLine, StudyPage, View};

/// A page that is being served; it ends when this is dropped.
pub(crate) struct Served {
    port: u16,
    stop: Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Serves `view` on a free port.
pub(crate) fn serve(view: SharedView) -> Served {
    serve_bounded(view, Bounds::default())
}

fn serve_bounded(view: SharedView, bounds: Bounds) -> Served {
    let listener = smol::block_on(bind(0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = smol::channel::bounded(1);
    let thread = std::thread::spawn(move || {
        let executor = Arc::new(Executor::new());
        let serving = serve_within(bounds, listener, view, Arc::clone(&executor));
        executor.spawn(serving).detach();
        smol::block_on(executor.run(async { while stopped.recv().await.is_ok() {} }));
    });
    Served { port, stop, thread: Some(thread) }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.close();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Served {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        // Only a page that hangs gets there.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Asks with these bytes; `None` where the page closes without a word.
    pub(crate) fn raw(&self, request: &[u8]) -> Option<Answer> {
        let mut stream = self.connect();
        // A page that has closed already may refuse them.
        let _sent = stream.write_all(request);
        answer(stream)
    }

    /// Asks for `path` as a browser does.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.raw(ask("GET", path, "localhost").as_bytes()).unwrap()
    }
}

fn ask(method: &str, path: &str, host: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Reads to the end of the connection.
fn answer(mut stream: TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the page hangs");
    }
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?.to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head, body: bytes[end + 4..].to_vec() })
}

/// A study, a picture, a failure, and one that takes for ever.
struct Made {
    /// Closed when the slow one may end.
    gate: smol::channel::Receiver<()>,
}

const SLOW: i64 = 8;

impl View for Made {
    fn overview(&self) -> Result<Overview, String> {
        let study = StudyLine { number: 1, who: "<b>A".to_owned(), ..StudyLine::default() };
        Ok(Overview { colour: "green", studies: vec![study], ..Overview::default() })
    }

    fn study(&self, number: i64) -> Result<Option<StudyPage>, String> {
        match number {
            1 => {
                let line =
                    StudyLine { number, who: "<b>A\u{5d0}".to_owned(), ..Default::default() };
                let result = ResultView { pictures: 1..2, ..ResultView::default() };
                Ok(Some(StudyPage { line, results: vec![result], ..StudyPage::default() }))
            }
            7 => Err("the ledger <rests>".to_owned()),
            SLOW => {
                while self.gate.recv_blocking().is_ok() {}
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn picture(&self, number: i64, picture: usize) -> Result<Option<Vec<u8>>, String> {
        // More than any socket buffers: who does not read it holds its connection up.
        Ok(((number, picture) == (1, 1)).then(|| vec![7; 32 << 20]))
    }
}

/// A page, and what lets the slow study end.
fn made(bounds: Bounds) -> (Served, Sender<()>) {
    let (open, gate) = smol::channel::bounded(1);
    (serve_bounded(Arc::new(Made { gate }), bounds), open)
}

#[test]
fn every_kind_of_answer_closes_what_pages_may_do() {
    let (page, _open) = made(Bounds::default());
    let kinds = [
        (ask("GET", "/", "localhost"), 200),
        (ask("GET", "/studies/1", "127.0.0.1:8443"), 200),
        (ask("GET", "/studies/1/pictures/1.png", "localhost"), 200),
        (ask("GET", "/style.css", "localhost"), 200),
        (ask("HEAD", "/", "localhost"), 200),
        (ask("GET", "/studies/2", "localhost"), 404),
        (ask("GET", "/studies/1/pictures/2.png", "localhost"), 404),
        (ask("GET", "/studies/1/pictures/0.png", "localhost"), 404),
        (ask("GET", "/studies/1/pictures/1", "localhost"), 404),
        (ask("GET", "/studies/1/pictures/..%2f1.png", "localhost"), 404),
        (ask("GET", "/studies/one", "localhost"), 400),
        (ask("GET", "/etc/passwd", "localhost"), 404),
        (ask("GET", "/studies/7", "localhost"), 503),
        (ask("POST", "/", "localhost"), 405),
        (ask("DELETE", "/studies/1", "localhost"), 405),
        (ask("PUT", "/studies/1/pictures/1.png", "localhost"), 405),
        (ask("GET", "/", "rebound.example"), 421),
        (ask("GET", "/", "localhost.rebound.example"), 421),
        (ask("GET", "/", "127.0.0.1.rebound.example:80"), 421),
        (ask("GET", "/", "localhost:1:2"), 421),
        (ask("GET", "/", ""), 421),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 421),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), 421),
    ];
    for (request, status) in kinds {
        let answer = page.raw(request.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{request}");
        for line in [
            "content-security-policy: default-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
             form-action 'none'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
        ] {
            assert!(answer.head.lines().any(|found| found == line), "{request} lacks {line}");
        }
        if status == 421 {
            assert!(!answer.text().contains('<'), "a stranger is shown nothing");
        }
    }
}

#[test]
fn texts_of_others_are_text_on_a_whole_page_and_in_an_error() {
    let (page, _open) = made(Bounds::default());
    let study = page.get("/studies/1").text();
    assert!(study.contains("&lt;b&gt;A\u{5d0}") && !study.contains("<b>"), "{study}");
    assert!(page.get("/").text().contains("&lt;b&gt;A"));
    assert!(page.get("/studies/7").text().contains("the ledger &lt;rests&gt;"));
}

#[test]
fn a_head_that_comes_slowly_is_cut_and_one_that_is_too_large_is_refused() {
    let head = Duration::from_millis(100);
    let (page, _open) = made(Bounds { head, ..Bounds::default() });
    // Never finished: without a bound this would wait for ever.
    assert!(page.raw(b"GET / HTTP/1.1\r\nHost: local").is_none_or(|answer| answer.status == 408));
    assert!(page.raw(b"").is_none_or(|answer| answer.status == 408));
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let answer = page.raw(large.as_bytes());
    assert!(answer.as_ref().is_none_or(|answer| answer.status == 431), "{answer:?}");
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(9000));
    let answer = page.raw(long.as_bytes());
    assert!(answer.as_ref().is_none_or(|answer| [414, 431].contains(&answer.status)), "{answer:?}");
    assert_eq!(page.get("/").status, 200);
}

/// Asks until there is room: a place is free once the page has seen that a visitor is gone.
fn get_when_there_is_room(page: &Served) -> Option<Answer> {
    (0..2000).find_map(|_| page.raw(ask("GET", "/", "localhost").as_bytes()))
}

#[test]
fn idle_visitors_do_not_keep_others_out_once_they_are_gone_or_late() {
    let (page, _open) = made(Bounds::default());
    let idle: Vec<_> = (0..40).map(|_| page.connect()).collect();
    assert!(page.raw(ask("GET", "/", "localhost").as_bytes()).is_none(), "32 are bounded");
    drop(idle);
    assert_eq!(get_when_there_is_room(&page).unwrap().status, 200);
    let head = Duration::from_millis(100);
    let (page, _open) = made(Bounds { head, ..Bounds::default() });
    let idle: Vec<_> = (0..40).map(|_| page.connect()).collect();
    // Each is cut when its head is late; the last of them is the last to go.
    for stream in idle {
        assert!(answer(stream).is_none());
    }
    assert_eq!(get_when_there_is_room(&page).unwrap().status, 200);
}

#[test]
fn a_visitor_that_hangs_delays_nobody_and_is_cut() {
    let connection = Duration::from_millis(400);
    let (page, open) = made(Bounds { connection, ..Bounds::default() });
    // One that does not read what it asked for, and one whose question takes for ever.
    let mut deaf = page.connect();
    deaf.write_all(ask("GET", "/studies/1/pictures/1.png", "localhost").as_bytes()).unwrap();
    let mut slow = page.connect();
    slow.write_all(ask("GET", &format!("/studies/{SLOW}"), "localhost").as_bytes()).unwrap();
    for _ in 0..20 {
        assert_eq!(page.get("/").status, 200);
    }
    assert!(answer(slow).is_none(), "it is cut when its time is over");
    let whole = answer(deaf).map_or(0, |answer| answer.body.len());
    assert!(whole < 32 << 20, "it is cut in the middle");
    open.close();
}
