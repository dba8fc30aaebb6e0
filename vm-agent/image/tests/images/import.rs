//! Images of archives of files, sent and fetched.

use crate::{
    fixture::tar,
    registry::{TestStore, store},
};
use berth_image::{Digest, ErrorKind, History, Image, ImageConfig, ImageError, Import};
use std::io::{Read as _, Write as _};

fn import() -> Import {
    Import {
        config: ImageConfig { architecture: "amd64".into(), os: "linux".into(), ..ImageConfig::default() },
        history: History { comment: Some("mine".into()), ..History::default() },
        name: Some("imported:v1".parse().unwrap()),
    }
}

/// Serves each answer to one request, and gives the address.
fn serve(answers: Vec<String>, body: Vec<u8>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for head in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 4096];
            assert!(stream.read(&mut asked).unwrap() > 0);
            let body: &[u8] = if head.contains(" 200 ") { &body } else { b"" };
            let length = format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), length.as_bytes(), body].concat()).unwrap();
        }
    });
    address
}

fn check(test: &TestStore, image: &Image, archive: &[u8]) {
    assert_eq!(image.config.rootfs.diff_ids, [Digest::of(archive)]);
    assert_eq!((image.config.history.len(), image.tags[0].familiar().as_str()), (1, "imported:v1"));
    assert_eq!(std::fs::read(test.diff(&image.layers[0].chain_id).join("etc/word")).unwrap(), b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_files_becomes_an_image_of_one_layer() {
    let archive = tar(&[("etc/word", b"hello")]);
    for sent in [archive.clone(), zstd::encode_all(&archive[..], 1).unwrap()] {
        let test = store().await;
        check(&test, &test.store.import(&sent[..], import()).await.unwrap(), &archive);
    }
    let test = store().await;
    let error = test.store.import(&b"no tar at all".repeat(100)[..], import()).await.unwrap_err();
    assert_eq!((error.kind(), test.counts()), (ErrorKind::Invalid, (0, 0, 0)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_fetched_from_an_address() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let archive = tar(&[("etc/word", b"hello")]);
    let found = "HTTP/1.1 200 OK\r\n".to_owned();
    let moved = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\n".to_owned();
    let test = store().await;
    let address = serve(vec![moved, found.clone()], archive.clone());
    let mut told = String::new();
    let image = test.store.import_from(&address, |url| told = url, import()).await.unwrap();
    check(&test, &image, &archive);
    assert_eq!(told, format!("http://{address}/"));

    let refused = async |url: &str| -> ImageError {
        store().await.store.import_from(url, |_| panic!("nothing was found"), import()).await.unwrap_err()
    };
    let missing = serve(vec!["HTTP/1.1 404 Not Found\r\n".to_owned()], vec![]);
    let error = refused(&format!("http://{missing}/a.tar")).await.to_string();
    assert_eq!(error, format!("failed to GET http://{missing}/a.tar with status 404 Not Found"));
    for bad in ["ftp://a/b", "file:///etc/passwd", "http://"] {
        assert_eq!(refused(bad).await.kind(), ErrorKind::Invalid, "{bad}");
    }
}
