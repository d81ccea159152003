package org.gfnetmobile

/** What runs a bundle's graphs. */
internal interface Engine : AutoCloseable {
    /**
     * Binds a graph's tensors to memory: each call of what it returns reads the inputs and writes the outputs. No buffer is
     * both. Throws [GFNetError] where the file takes or gives other tensors; so does a call that fails.
     */
    fun bind(graph: String, inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>): () -> Unit
}
