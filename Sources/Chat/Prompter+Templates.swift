// The templates for checkpoints that bring none.

extension Prompter {
  /// R-4B's prompt form as far as it is known (spec §4.3), for checkpoints without a template; `ChatModel` opens the thought.
  /// Thoughts of earlier turns are dropped, as Qwen3's own template does.
  static let fallbackTemplate = """
    {%- for message in messages %}
        {{- '<|im_start|>' + message.role + '\\n' }}
        {%- if message.content is string %}
            {{- message.content.split('</think>')[-1].lstrip('\\n') if message.role == 'assistant' else message.content }}
        {%- else %}
            {%- for part in message.content %}
                {%- if part.type == 'image' %}{{- '<image>\\n' }}{%- elif part.type == 'text' %}{{- part.text }}{%- endif %}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}
        {{- '<|im_start|>assistant\\n' }}
    {%- endif %}
    """

  /// For models whose vocabulary has no turns: names before texts.
  static let plainTemplate = """
    {%- for message in messages %}
        {{- message.role | capitalize + ': ' + message.content | trim + '\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{- 'Assistant:' }}{%- endif %}
    """
}
