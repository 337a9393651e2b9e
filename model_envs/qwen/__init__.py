"""What the Qwen backends of both environments share: loading, canvases, prompts, vision, memory, peers."""
