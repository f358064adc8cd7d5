//! A service that every node has: asked here, or of every node at once.

use super::{
    call::{Call, RemoteCall},
    deadline::Deadline,
    error::AskError,
    node::ClusterNode,
    transport::{RemoteError, encode},
};
use futures::future::{BoxFuture, join_all};
use std::sync::Arc;

type Serve<C> = Arc<dyn Fn(C, Deadline) -> BoxFuture<'static, Result<<C as Call>::Answer, AskError>> + Send + Sync>;

/// What serves a [`RemoteCall`] on every node: it may come twice. Cheap to clone.
pub struct NodeService<C: RemoteCall> {
    node: Arc<ClusterNode>,
    serve: Serve<C>,
    kind: &'static str,
}

impl<C: RemoteCall> Clone for NodeService<C> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), serve: self.serve.clone(), kind: self.kind }
    }
}

impl<C: RemoteCall> NodeService<C> {
    /// Serves `C` on this node by `serve`. Once per node and call; `kind` names it in errors.
    pub fn new<F, Fut>(node: Arc<ClusterNode>, kind: &'static str, serve: F) -> Self
    where
        F: Fn(C, Deadline) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Answer, AskError>> + Send + 'static,
    {
        let serve: Serve<C> = Arc::new(move |call, deadline| Box::pin(serve(call, deadline)));
        let remote = serve.clone();
        node.serve_node_call(move |call, deadline| remote(call, deadline));
        Self { node, serve, kind }
    }

    /// Asks this node.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn here(&self, call: C, deadline: Deadline) -> Result<C::Answer, AskError> {
        (self.serve)(call, deadline).await
    }

    /// Asks every node that holds entities, this one first, until each has answered or has left the cluster.
    ///
    /// # Errors
    /// The first failure, once all have been asked. Those that answered have done it: asking again is harmless.
    pub async fn everywhere(&self, call: C, deadline: Deadline) -> Result<Vec<C::Answer>, AskError> {
        self.ask_all(call, deadline, false).await
    }

    /// The same, leaving out nodes of a version that does not know the call.
    ///
    /// # Errors
    /// As [`NodeService::everywhere`].
    pub async fn everywhere_known(&self, call: C, deadline: Deadline) -> Result<Vec<C::Answer>, AskError> {
        self.ask_all(call, deadline, true).await
    }

    async fn ask_all(&self, call: C, deadline: Deadline, may_be_unknown: bool) -> Result<Vec<C::Answer>, AskError> {
        let others = self.node.view().others_at_work();
        if others.is_empty() {
            return Ok(vec![self.here(call, deadline).await?]);
        }
        let payload = encode(&call).map_err(|error| AskError::from_remote(self.kind, error))?;
        let remote = others.iter().map(|node| self.node.call_member::<C>(node, payload.clone(), deadline));
        let (here, remote) = tokio::join!(self.here(call, deadline), join_all(remote));
        let mut answers = vec![here?];
        for answer in remote {
            if may_be_unknown && matches!(answer, Err(RemoteError::UnknownMethod { .. })) {
                continue;
            }
            answers.extend(answer.map_err(|error| AskError::from_remote(self.kind, error))?);
        }
        Ok(answers)
    }

    /// Tells every other node, without waiting: best effort.
    pub fn tell_others(&self, call: &C) {
        let others = self.node.view().others_at_work();
        if others.is_empty() {
            return;
        }
        let Ok(payload) = encode(call) else { return };
        for node in others {
            if let Err(error) = self.node.notify(&node, C::METHOD, payload.clone()) {
                tracing::debug!(%node, kind = self.kind, %error, "a node was not told");
            }
        }
    }
}
