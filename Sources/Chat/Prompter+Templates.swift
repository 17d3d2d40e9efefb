// Chat templates for checkpoints without one.

extension Prompter {
  /// R-4B's prompt form as far as it is known (spec §4.3); `ChatModel` opens the thought. Like Qwen3's own template, it
  /// drops the thoughts of earlier turns.
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

  /// The form for models whose vocabulary has no turns: the role before each text.
  static let plainTemplate = """
    {%- for message in messages %}
        {{- message.role | capitalize + ': ' + message.content | trim + '\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{- 'Assistant:' }}{%- endif %}
    """
}
