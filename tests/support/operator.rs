//! The operators' listener, as an operator uses it.

use crate::{Api, Problem};
use reqwest::Method;
use serde_json::{Value, json};

/// What has operators: a node, or several that share a token.
pub trait Operated {
    /// The URLs of the operators' listeners.
    fn admin_urls(&self) -> Vec<String>;

    fn token(&self) -> String;
}

/// An operator of one node or of several.
#[derive(Clone)]
pub struct Operator {
    nodes: Vec<Api>,
    token: String,
}

impl Operator {
    /// The operator of a node or a cluster.
    pub fn of(operated: &impl Operated) -> Self {
        Self::at(&operated.admin_urls(), &operated.token())
    }

    /// The operator with `token` of the nodes at these URLs, of which there is at least one.
    pub fn at(admin_urls: &[String], token: &str) -> Self {
        Self { nodes: admin_urls.iter().map(|url| Api::new(url)).collect(), token: token.to_owned() }
    }

    /// The listener of the first node, without a token.
    pub fn api(&self) -> &Api {
        &self.nodes[0]
    }

    /// GET from the first node with the token.
    pub async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.api().call(Method::GET, path, Some(&self.token), None).await
    }

    /// POST to the first node with the token and perhaps a body.
    pub async fn post(&self, path: &str, body: Option<Value>) -> Result<Value, Problem> {
        self.api().call(Method::POST, path, Some(&self.token), body).await
    }

    /// Kills an actor such as `timeline:42` wherever it is; whether it was active.
    pub async fn kill(&self, target: &str) -> bool {
        let mut killed = false;
        for node in &self.nodes {
            let body = Some(json!({ "kill": target }));
            match node.call(Method::POST, "/admin/chaos", Some(&self.token), body).await {
                Ok(_) => killed = true,
                Err(problem) if problem.code == "not_found" => {}
                Err(problem) => panic!("{target}: {problem:?}"),
            }
        }
        killed
    }

    /// The metrics of all nodes, as Prometheus reads them.
    pub async fn metrics(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            text += &node.fetch(&node.url("/metrics"), &[]).await.text();
        }
        text
    }

    /// The sum of a metric over its labels and the nodes; `None` where it is missing.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics().await;
        let named = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values: Vec<f64> =
            text.lines().filter(named).filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }
}
