//! What black-box tests stand on: a gateway process, the backend behind it, a client in front.

mod client;
mod gateway;
mod scripted;
mod shop;
mod talk;
mod wait;

pub use client::{Answer, Client, Session, http1, http2};
pub use gateway::{Gateway, GatewayBuilder, request};
pub use scripted::{Script, Scripted};
pub use shop::{SHOP, model_pool, pool, shop, shop_files};
pub use talk::{Over, Talk};
pub use wait::until;
