//! Checks of addresses to listen on.

use std::net::SocketAddr;
use std::path::Path;

use crate::serve::{ClientTls, ListenAddress, ListenerSettings, ListenerTls};

use super::super::file::{self, Admin, Listeners};
use super::Check;

impl Check<'_> {
    pub(super) fn listeners(&mut self, file: &Listeners) -> Vec<ListenerSettings> {
        if file.0.is_empty() && !self.is_written(&["listen", "0"]) {
            self.error("listen", "there is no listener", "name an address, such as `127.0.0.1:8080`");
        }
        let listed = self.root.get(&["listen", "0"]).is_some();
        let mut listeners: Vec<ListenerSettings> = Vec::new();
        for (index, listener) in file.0.iter().enumerate() {
            let at = if listed { format!("listen.{index}") } else { "listen".to_owned() };
            let tls = listener.tls.as_ref().map(|tls| self.listener_tls(&format!("{at}.tls"), tls));
            let Some(address) = self.address(&at, &listener.address) else { continue };
            if taken(&listeners, &address) {
                self.error(&at, format!("`{}` is listened on twice", listener.address), "");
                continue;
            }
            listeners.push(ListenerSettings { address, tls, place: self.place(&at) });
        }
        listeners
    }

    fn listener_tls(&mut self, at: &str, file: &file::ListenerTls) -> ListenerTls {
        let certificate = self.file_at(&format!("{at}.certificate"), &file.certificate);
        let key = self.file_at(&format!("{at}.key"), &file.key);
        let roots = file.client_roots.as_ref();
        let roots = roots.and_then(|roots| self.file_at(&format!("{at}.client_roots"), roots));
        if file.client_certificate.is_some() && file.client_roots.is_none() {
            let what =
                "`client_certificate` asks for certificates, but `client_roots` does not say which are good";
            let help = "name a PEM file of the certificates that issue them in `client_roots`";
            self.error(&format!("{at}.client_certificate"), what, help);
        }
        let required = file.client_certificate != Some(file::ClientCertificate::Optional);
        ListenerTls {
            certificate: certificate.unwrap_or_default(),
            key: key.unwrap_or_default(),
            clients: roots.map(|roots| ClientTls { roots, required }),
        }
    }

    pub(super) fn admin(&mut self, file: &Admin, listeners: &[ListenerSettings]) -> Option<ListenAddress> {
        let text = file.listen.as_ref()?;
        let address = self.address("admin.listen", text)?;
        if taken(listeners, &address) {
            let help = "give the admin listener an address of its own";
            self.error("admin.listen", format!("`{text}` is listened on for clients already"), help);
            return None;
        }
        Some(address)
    }

    fn address(&mut self, at: &str, text: &str) -> Option<ListenAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = self.resolve(at, Path::new(path.strip_prefix("//").unwrap_or(path)));
            if path.file_name().is_some() {
                return Some(ListenAddress::Unix(path));
            }
        }
        let address = socket_address(text).map(ListenAddress::Tcp);
        if address.is_none() {
            let help = "write an IP address and a port, such as `127.0.0.1:8080`, `0.0.0.0:8080` or \
                        `[::]:8080`, or `unix:/run/transom.sock`";
            self.error(at, format!("`{text}` is not an address to listen on"), help);
        }
        address
    }
}

/// `IP:PORT`; `localhost` is 127.0.0.1.
fn socket_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// Whether one of the listeners has this address already; port 0 is never taken.
fn taken(listeners: &[ListenerSettings], address: &ListenAddress) -> bool {
    let any_port = matches!(address, ListenAddress::Tcp(address) if address.port() == 0);
    !any_port && listeners.iter().any(|listener| listener.address == *address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ip_and_port() {
        for (text, want) in [
            ("127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("[::]:0", Some("[::]:0")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("localhost:", None),
            (":8080", None),
            ("8080", None),
            ("example.com:80", None),
            ("127.0.0.1:80800", None),
        ] {
            let got = socket_address(text).map(|address| address.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        }
    }
}
